"""Writing with signs, given from the largest to the smallest."""


def write(number, signs):
    text = ""
    for sign, value in signs:
        while number >= value:
            text += sign
            number -= value
    return text
